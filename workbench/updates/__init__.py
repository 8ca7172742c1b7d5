"""Updates: bring an image into a device over SMP, and show by what the device says that it runs there.

Signs nothing, and believes nothing that was not read after the reboot.
"""
