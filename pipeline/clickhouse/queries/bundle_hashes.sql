SELECT arraySort(groupUniqArray(hash)) FROM bundles WHERE site = {site:String}
