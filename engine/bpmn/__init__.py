"""BPMN: reading diagrams, making them executable, one pure step at a time. The only importer of SpiffWorkflow."""
