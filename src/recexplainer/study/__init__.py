"""The study with people: nameless texts, a page to rate them, and what the ratings say (section 3.1.2)."""
