"""What goes out to Slack: blocks, threads that are kept current, App Homes. Delivered by the relay."""
