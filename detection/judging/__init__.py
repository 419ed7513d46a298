"""What a judgement is made of: measured overlays, facts for the rules, sentences, the layers in force."""
