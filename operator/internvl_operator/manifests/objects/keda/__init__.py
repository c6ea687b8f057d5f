"""What lets a model sleep: the objects of KEDA and its HTTP add-on, and the times that they wait."""
