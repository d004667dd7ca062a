"""What both consoles share: login, layout, row-level security, components."""
