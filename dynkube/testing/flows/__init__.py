"""What each verb does with an object, from the parsed request to the stored object and its answer."""
