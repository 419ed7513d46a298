"""Scenes and reference layers: checked, converted, stored."""
