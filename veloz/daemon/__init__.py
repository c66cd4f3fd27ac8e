"""The one place where everything meets. Until the daemon itself is here: its typed configuration."""
