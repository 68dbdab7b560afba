"""The console at /admin/auth-ops: what people see and decide in a browser."""
