"""WHAT HAPPENS TO AN INCIDENT: reports, steps, queue, addresses, feed and statistics."""
