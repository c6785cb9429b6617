"""Popflix's domain: what is shipped to Lambda beside `app.py`."""
