"""Source code written for the structure of one model, compiled and cached."""
