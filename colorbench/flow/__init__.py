"""Optical flow and the colors that it carries."""
