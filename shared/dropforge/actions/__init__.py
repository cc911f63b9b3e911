"""What people ask for by hand, a file each. Each leaves the rest to the watcher and the sweep, and may be asked again."""
