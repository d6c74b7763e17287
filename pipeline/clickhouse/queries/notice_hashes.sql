SELECT arraySort(groupUniqArray(shown)) FROM consent_notices WHERE site = {site:String}
