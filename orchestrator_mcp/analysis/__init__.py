"""What it means: pure functions over records and texts. Nothing here touches the world."""
