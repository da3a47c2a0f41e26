"""What is told to people, and how it is delivered."""
