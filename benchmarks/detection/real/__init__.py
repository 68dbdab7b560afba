"""Public data of real hosts: each file tells how one data set becomes events, and what is right on it."""
