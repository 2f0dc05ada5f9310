"""Recognition of certification: does a certificate of one scheme count under another (docs/recognition.md)."""
