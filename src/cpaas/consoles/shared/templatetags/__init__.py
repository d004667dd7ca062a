"""Tags and filters of the consoles' templates."""
