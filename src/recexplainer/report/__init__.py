"""The page that shows a whole run, and the pictures drawn for it."""
