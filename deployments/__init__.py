"""What is deployed: the supervisor, the schedules, the command line, the demo."""
