"""The siamese net at work: colour scales of a scene, and answers by ONNX Runtime."""
