"""India's DLT: registered templates, headers and hours, checked before a message goes."""
