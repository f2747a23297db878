-- What recipients were told of links, and the rules under which anything was shown, are evidence too.
call audit.keep_in_ledger('exports.feed_event', 'export', '{feed,link_id}');
call audit.keep_in_ledger('exports.policy_version', 'decision', '{policy_version}');
