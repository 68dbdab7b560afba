-- Prefect keeps its own state beside ours, in a database of its own.
create database prefect owner opsspine;
