"""Block jobs: copies, commits and pulls of disks of running domains."""
