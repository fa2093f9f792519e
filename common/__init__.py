__version__ = "4.4.0"
