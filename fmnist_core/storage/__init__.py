"""Where payloads come from and where they live: mirrors, other libraries' folders, the store."""
