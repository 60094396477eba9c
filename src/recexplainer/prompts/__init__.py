"""The texts that are asked, from the files below config/prompts."""
