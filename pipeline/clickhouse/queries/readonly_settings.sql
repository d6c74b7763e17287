SELECT groupArray(name) FROM system.settings WHERE readonly AND name IN ({names:Array(String)})
