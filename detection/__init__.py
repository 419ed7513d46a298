"""Floor 3: from two dates of pixels to leads, patches and judgements."""
