"""What is decided: values in, values out. Nothing here touches the disk, the clock or another process."""
