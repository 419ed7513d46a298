"""What a case needs beyond the map: judgement, custody, papers."""
