"""Where vendors bring events and pictures: keys of devices, receipts, alarms in other forms."""
