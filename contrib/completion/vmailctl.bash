# bash completion for vmailctl, made by 'vmailctl completion bash'
_vmailctl()
{
	local w take= noun= verb= n=0 list= from= options files= cur prev head
	local -a before with
	read -ra before <<<"${COMP_LINE:0:COMP_POINT}x"
	cur=${before[-1]%x} prev=${before[-2]}
	before=("${before[@]:1:${#before[@]}-2}")
	for w in "${before[@]}"; do
		case $take$w in
		with*) with+=("$w"); take= ;;
		value*) take= ;;
		-c|--config|--store) with+=("$w"); take=with ;;
		--kind|--target|--match|--after|--limit|--delimiters|--propagate|--quota|--match|--after|--limit|--idle|--reason|--home|--mail|--uid|--gid|--networks|--label|--service|--network|--expires|--match|--after|--limit|--expires|--note|--owner|--search|--from|--since|--postfix|--dovecot|--postfix|--dovecot|--version|--passdb|--group|--from|--domain|--passwords|--base|--columns|--map|--format|--after|--last|--since|--until|--who|--what|--match|--id|--since|--interval) take=value ;;
		-*) ;;
		*)	if [[ -z $noun ]]; then noun=$w
			elif [[ -z $verb && ',user app-password,' == *",$noun $w,"* ]]; then noun=$w
			elif [[ -z $verb && ' domain user app-password alias map config login views ' == *" $noun "* ]]; then verb=$w
			else n=$((n + 1)); fi ;;
		esac
	done
	case "$noun $verb $n" in
	'  0') list='init migrate domain user app-password alias map lookup maps explain lint doctor setup config login views import formats backup restore copy check diff apply export log undo status top completion help version' ;;
	'domain  0') list='add list show set remove' ;;
	'domain show 0') from='domain list --names --limit 500 --match' ;;
	'domain set 0') from='domain list --names --limit 500 --match' ;;
	'domain remove 0') from='domain list --names --limit 500 --match' ;;
	'user  0') list='add list show passwd state quota set logins remove app-password' ;;
	'user list 0') from='domain list --names --limit 500 --match' ;;
	'user show 0') from='user list --names --limit 500 --match' ;;
	'user passwd 0') from='user list --names --limit 500 --match' ;;
	'user state 0') from='user list --names --limit 500 --match' ;;
	'user state 1') list='active receive-only send-only suspended' ;;
	'user quota 0') from='user list --names --limit 500 --match' ;;
	'user set 0') from='user list --names --limit 500 --match' ;;
	'user logins 0') from='user list --names --limit 500 --match' ;;
	'user remove 0') from='user list --names --limit 500 --match' ;;
	'app-password  0') list='add list remove' ;;
	'app-password add 0') from='user list --names --limit 500 --match' ;;
	'app-password list 0') from='user list --names --limit 500 --match' ;;
	'app-password remove 0') from='user list --names --limit 500 --match' ;;
	'alias  0') list='add list show set remove' ;;
	'alias add '*) from='user list --names --limit 500 --match' ;;
	'alias list 0') from='domain list --names --limit 500 --match' ;;
	'alias show 0') from='alias list --names --limit 500 --match' ;;
	'alias set 0') from='alias list --names --limit 500 --match' ;;
	'alias remove 0') from='alias list --names --limit 500 --match' ;;
	'alias remove '*) from='user list --names --limit 500 --match' ;;
	'map  0') list='create remove set get unset list import' ;;
	'map remove 0') from='maps --all --names' ;;
	'map set 0') from='maps --all --names' ;;
	'map get 0') from='maps --all --names' ;;
	'map unset 0') from='maps --all --names' ;;
	'map list 0') from='maps --all --names' ;;
	'map import 0') from='maps --all --names' ;;
	'map import 1') files=1 ;;
	'lookup  0') from='maps --all --names' ;;
	'setup  0') list='postfix dovecot' ;;
	'config  0') list='show postfix dovecot' ;;
	'login  0') list='throttled clear' ;;
	'views  0') list='publish' ;;
	'views publish 0') files=1 ;;
	'import  '*) files=1 ;;
	'backup  0') files=1 ;;
	'restore  0') files=1 ;;
	'diff  0') files=1 ;;
	'apply  0') files=1 ;;
	'export  0') files=1 ;;
	'completion  0') list='bash zsh fish' ;;
	esac
	case $prev in
	-c|--config) list= from= files=1 ;;
	--store) list= from= ;;
	--kind) list='mailbox alias relay local' ;;
	--target) from='domain list --names --limit 500 --match' ;;
	--match) list= from= ;;
	--after) list= from= ;;
	--limit) list= from= ;;
	--delimiters) list= from= ;;
	--propagate) list='yes no default' ;;
	--quota) list= from= ;;
	--match) list= from= ;;
	--after) list= from= ;;
	--limit) list= from= ;;
	--idle) list= from= ;;
	--reason) list= from= ;;
	--home) list= from= ;;
	--mail) list= from= ;;
	--uid) list= from= ;;
	--gid) list= from= ;;
	--networks) list= from= ;;
	--label) list= from= ;;
	--service) list= from= ;;
	--network) list= from= ;;
	--expires) list= from= ;;
	--match) list= from= ;;
	--after) list= from= ;;
	--limit) list= from= ;;
	--expires) list= from= ;;
	--note) list= from= ;;
	--owner) list= from= ;;
	--search) list='exact address rewrite domain transport access host network' ;;
	--from) list= from= ;;
	--since) list= from= ;;
	--postfix) list= from= ;;
	--dovecot) files=1 ;;
	--postfix) list= from= ;;
	--dovecot) files=1 ;;
	--version) list='2.3 2.4' ;;
	--passdb) list='checkpassword lua sql none' ;;
	--group) list= from= ;;
	--from) from='formats --names' ;;
	--domain) list= from= ;;
	--passwords) list= from= ;;
	--base) list= from= ;;
	--columns) list= from= ;;
	--map) from='maps --all --names' ;;
	--format) list='jsonl csv postfix dovecot' ;;
	--after) list= from= ;;
	--last) list= from= ;;
	--since) list= from= ;;
	--until) list= from= ;;
	--who) list= from= ;;
	--what) list= from= ;;
	--match) list= from= ;;
	--id) list= from= ;;
	--since) list= from= ;;
	--interval) list= from= ;;
	esac
	options='--config --store --json --dry-run --yes --help --version '
	case "$noun $verb" in
	'domain add') options+='--kind --target' ;;
	'domain list') options+='--names --match --after --limit --count' ;;
	'domain set') options+='--delimiters --propagate' ;;
	'domain remove') options+='--all' ;;
	'user add') options+='--password-stdin --no-password --quota' ;;
	'user list') options+='--names --match --after --limit --count --idle' ;;
	'user passwd') options+='--password-stdin' ;;
	'user state') options+='--reason' ;;
	'user set') options+='--home --mail --uid --gid --networks' ;;
	'user remove') options+='--force' ;;
	'app-password add') options+='--label --service --network --expires' ;;
	'app-password list') options+='--names' ;;
	'alias list') options+='--names --match --after --limit --count' ;;
	'alias set') options+='--disable --enable --expires --internal --open --note --owner' ;;
	'map create') options+='--search' ;;
	'map list') options+='--names' ;;
	'lookup ') options+='--live' ;;
	'maps ') options+='--all --names' ;;
	'explain ') options+='--from --live' ;;
	'lint ') options+='--since --all' ;;
	'doctor ') options+='--postfix --dovecot' ;;
	'setup ') options+='--postfix --dovecot' ;;
	'config dovecot') options+='--version --passdb --sql-file' ;;
	'login clear') options+='--all' ;;
	'views publish') options+='--with-hashes --group' ;;
	'import ') options+='--from --strict --domain --passwords --keep-clear --base --columns --map' ;;
	'formats ') options+='--names' ;;
	'copy ') options+='--catch-up --close --open --cancel --compare --force' ;;
	'apply ') options+='--prune' ;;
	'export ') options+='--format --no-hashes' ;;
	'log ') options+='--after --last --since --until --who --what --match --follow' ;;
	'undo ') options+='--id --since --anyone --force' ;;
	'top ') options+='--once --interval' ;;
	'help ') options+='--all' ;;
	esac
	if [[ $cur == -* ]]; then list=$options from=; fi
	list=${list// /$'\n'}
	if [[ $from == *--match ]]; then list=$(vmailctl "${with[@]}" $from "$cur*" 2>/dev/null)
	elif [[ -n $from ]]; then list=$(vmailctl "${with[@]}" $from 2>/dev/null); fi
	if [[ -n $files ]]; then compopt -o default; fi
	# readline takes what follows an @ for a word of its own
	head=${cur%"${COMP_WORDS[COMP_CWORD]}"}
	COMPREPLY=()
	while read -r w; do
		[[ -n $w && $w == "$cur"* ]] || continue
		COMPREPLY+=("$(printf %q "${w#"$head"}")")
	done <<<"$list"
}
complete -F _vmailctl vmailctl
