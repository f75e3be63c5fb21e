"""Pages opened in a real headless Chromium."""
