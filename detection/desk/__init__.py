"""The judgement desk: make a judgement again, ask what would flip, correct base data, divide a patch."""
