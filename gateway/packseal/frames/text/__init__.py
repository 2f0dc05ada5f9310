"""The dialects that are lines of text, one module each, which reads like its grammar."""
