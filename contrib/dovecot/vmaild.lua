-- SPDX-License-Identifier: ISC
--
-- A passdb and a userdb for Dovecot 2.4: who may log in, and where mail lives, is asked of vmaild by its unix
-- sockets, in Dovecot's own auth protocols. vmaild checks the passwords; none is kept or compared here.
-- Needs Debian's dovecot-auth-lua and lua-socket. `vmailctl config dovecot` prints the lines that use this
-- file; `man vmaild-dovecot` has the rest. Settings (lua_settings):
--
--	auth      path of vmaild's socket with "protocol = auth"; for passdb lua
--	userdb    path of the one with "protocol = userdb"; for userdb lua
--	deadline  seconds after which a request ends in a temporary failure; 12 if not given
--
-- Whatever goes wrong on the way is a temporary failure. Only vmaild's own word makes it a wrong password or an
-- unknown user.

local socket = require("socket")
local mime = require("mime")
local unix = require("socket.unix")

local settings = { deadline = 12 }

-- What vmaild's word for a refusal, when it has one, is to Dovecot.
local results = {
    temp_fail = dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE,
    misuse = dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE, -- it could not read the question
    user_disabled = dovecot.auth.PASSDB_RESULT_USER_DISABLED,
    pass_expired = dovecot.auth.PASSDB_RESULT_PASS_EXPIRED,
}

function script_init(given)
    for name, value in pairs(given or {}) do
        settings[name] = value
    end
    settings.deadline = tonumber(settings.deadline)
    if settings.deadline == nil or settings.deadline <= 0 then
        dovecot.i_error("vmaild.lua: deadline is no number of seconds above 0")
        return -1
    end
    return 0
end

-- Who of Dovecot's own understands a success with "nologin" in it, and tells the user why. Others, as Postfix,
-- would take it for a success.
local tells_why = { imap = true, pop3 = true, sieve = true, submission = true }

-- --- lines: fields with TABs between, and \001 before what must not stand for itself

local codes = { ["\0"] = "0", ["\1"] = "1", ["\t"] = "t", ["\r"] = "r", ["\n"] = "n" }
local plains = { ["0"] = "\0", ["1"] = "\1", ["t"] = "\t", ["r"] = "\r", ["n"] = "\n" }

local function escaped(text)
    return (text:gsub("[\0\1\t\r\n]", function(c) return "\1" .. codes[c] end))
end

local function unescaped(text)
    return (text:gsub("\1(.)", function(c) return plains[c] or c end))
end

local function split(line)
    local fields = {}
    for field in (line .. "\t"):gmatch("([^\t]*)\t") do
        fields[#fields + 1] = unescaped(field)
    end
    return fields
end

-- The named fields of an answer behind its first SKIP words; one without a value is there, and empty.
local function named(fields, skip)
    local found = {}
    for i = skip + 1, #fields do
        local key, value = fields[i]:match("^([^=]*)=(.*)$")
        found[key or fields[i]] = value or ""
    end
    return found
end

-- --- a conversation; every failure is an error(), with a text for the log

local function left(talk)
    return math.max(talk.ends - socket.gettime(), 0)
end

local function send(talk, text)
    talk.socket:settimeout(left(talk), "t")
    local sent, why = talk.socket:send(text)
    if not sent then
        error(("cannot ask '%s': %s"):format(talk.path, why), 0)
    end
end

local function receive(talk)
    if left(talk) == 0 then
        error(("no answer from '%s': timeout"):format(talk.path), 0)
    end
    talk.socket:settimeout(left(talk), "t")
    local line, why = talk.socket:receive("*l")
    if not line then
        error(("no answer from '%s': %s"):format(talk.path, why), 0)
    end
    return split(line)
end

-- Connect to the socket that the setting NAME tells.
local function connect(name)
    local path = settings[name]
    if not path then
        error(("lua_settings has no '%s'"):format(name), 0)
    end
    local talk = { path = path, ends = socket.gettime() + settings.deadline, socket = unix.stream() }
    talk.socket:settimeout(settings.deadline, "t")
    local connected, why = talk.socket:connect(path)
    if not connected then
        talk.socket:close()
        error(("cannot connect to '%s': %s"):format(path, why), 0)
    end
    return talk
end

-- Say who we are, and read the greeting up to the line LAST.
local function greet(talk, text, last)
    send(talk, text)
    local fields
    repeat
        fields = receive(talk)
        if fields[1] == "VERSION" and fields[2] ~= "1" then
            error(("'%s' speaks another version of the protocol"):format(talk.path), 0)
        end
    until fields[1] == last
end

-- Run CONVERSATION(talk) on a new connection: its results, or nil and why there are none.
local function talk_to(name, conversation)
    local talk
    local done = table.pack(pcall(function()
        talk = connect(name)
        return conversation(talk)
    end))
    if talk then
        talk.socket:close()
    end
    if done[1] then
        return table.unpack(done, 2, done.n)
    end
    return nil, tostring(done[2])
end

-- --- requests

-- Tell what there is to tell about a request: which service asks, and for a client where.
local function about(req)
    local text = "\tservice=" .. escaped(req.protocol or "")
    local remote = req.remote_ip or ""
    if remote ~= "" then
        text = text .. "\trip=" .. escaped(remote)
    end
    return text
end

-- Dovecot holds a refusal back itself, and the process that runs this has others to serve.
local function log_in(talk, req, password)
    greet(talk, "VERSION\t1\t0\nCPID\t1\n", "DONE")
    send(talk, "AUTH\t1\tPLAIN" .. about(req) .. "\tno-penalty\tresp=" ..
        mime.b64("\0" .. req.user .. "\0" .. password) .. "\n")
    local fields = receive(talk)
    if fields[2] ~= "1" or (fields[1] ~= "OK" and fields[1] ~= "FAIL") then
        error(("'%s' said something strange"):format(talk.path), 0)
    end
    return fields[1] == "OK", named(fields, 2)
end

local function look_up(talk, req)
    greet(talk, "VERSION\t1\t2\n", "SPID")
    send(talk, "USER\t1\t" .. escaped(req.user) .. about(req) .. "\n")
    return receive(talk)
end

local function list(talk)
    local users = {}
    greet(talk, "VERSION\t1\t2\n", "SPID")
    send(talk, "LIST\t1\tservice=doveadm\n")
    while true do
        local fields = receive(talk)
        if fields[1] == "DONE" and fields[3] == nil then
            return users
        elseif fields[1] ~= "LIST" or fields[3] == nil then
            error(("'%s' could not list all users"):format(talk.path), 0)
        end
        users[#users + 1] = fields[3]
    end
end

-- The password is right, and yet there is to be no login.
local function refused(req, fields)
    if tells_why[req.protocol] then
        return dovecot.auth.PASSDB_RESULT_OK, { nologin = "", reason = fields.reason }
    end
    return dovecot.auth.PASSDB_RESULT_USER_DISABLED, "vmaild: " .. (fields.reason or "disabled")
end

-- --- what Dovecot calls

function auth_password_verify(req, password)
    local ok, fields = talk_to("auth", function(talk) return log_in(talk, req, password) end)
    if ok == nil then
        return dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE, "vmaild: " .. fields
    end
    if ok and not fields.nologin then
        return dovecot.auth.PASSDB_RESULT_OK, fields
    end
    if fields.code then
        return results[fields.code] or dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE, "vmaild: " .. fields.code
    end
    if fields.reason or fields.nologin then
        return refused(req, fields)
    end
    return dovecot.auth.PASSDB_RESULT_PASSWORD_MISMATCH, "vmaild: refused"
end

function auth_userdb_lookup(req)
    local fields, why = talk_to("userdb", function(talk) return look_up(talk, req) end)
    if fields and fields[1] == "USER" and fields[2] == "1" then
        local found = named(fields, 3)
        found.user = fields[3]
        return dovecot.auth.USERDB_RESULT_OK, found
    end
    if fields and fields[1] == "NOTFOUND" and fields[2] == "1" then
        return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, "vmaild: no such user"
    end
    return dovecot.auth.USERDB_RESULT_INTERNAL_FAILURE, "vmaild: " .. (why or "could not look")
end

-- An error() here is the one way to say that a list is not complete.
function auth_userdb_iterate()
    local users, why = talk_to("userdb", list)
    if not users then
        error("vmaild: " .. why)
    end
    return users
end
