"""What is known of the way in which Kopf lists and watches."""
