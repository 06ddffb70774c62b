"""Object stores: a local folder, S3, and one in memory for tests."""
