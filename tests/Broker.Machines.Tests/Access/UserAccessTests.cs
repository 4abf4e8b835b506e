using Broker.Machines.Access;
using Broker.Protocol;

namespace Broker.Machines.Tests.Access;

/// <summary>Which access each operation needs: RabbitMQ's table.</summary>
public sealed class UserAccessTests
{
    /// <summary>An operation, and the accesses without any of which it is refused: c, w or r, and the name.</summary>
    public static TheoryData<string, string> Operations => new()
    {
        { "exchange.declare", "c:x" },
        { "exchange.declare passive", "" },
        { "exchange.declare alternate", "c:x r:x w:alt" },
        { "exchange.declare passive alternate", "" },
        { "exchange.delete", "c:x" },
        { "queue.declare", "c:q" },
        { "queue.declare passive", "" },
        { "queue.declare dead-letters", "c:q r:q w:dlx" },
        { "queue.declare dead-letters default", "c:q r:q w:amq.default" },
        { "queue.delete", "c:q" },
        { "queue.bind", "w:q r:x" },
        { "exchange.bind", "w:y r:x" },
        { "publish", "w:x" },
        { "publish default", "w:amq.default" },
        { "read", "r:q" },
    };

    [Theory]
    [MemberData(nameof(Operations))]
    public void Operation_needs_exactly_these(string operation, string needs)
    {
        var needed = needs.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Null(Run(Access(needed), operation)); // with these and no others
        foreach (var missing in needed)
        {
            var fault = Run(Access([.. needed.Where(n => n != missing)]), operation);
            Assert.Equal(ErrorCode.AccessRefused, fault?.Code);
            var kind = missing[0] switch { 'c' => "configure", 'w' => "write", _ => "read" };
            Assert.Contains($"{kind} access to ", fault!.Value.Reason, StringComparison.Ordinal);
            Assert.Contains($"'{missing[2..]}' in vhost 'v' refused for user 'u'", fault.Value.Reason, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("publish", "a.b", true, "")]
    [InlineData("publish", "a.b", false, "write access to topic 'a.b' in exchange 'x'")]
    [InlineData("bind", "a.#", true, "")]
    [InlineData("bind", "a.#", false, "read access to topic 'a.#' in exchange 'x'")]
    public void Topic_permission_says_which_keys(string operation, string key, bool allowed, string says)
    {
        var pattern = allowed ? @"^a\." : @"^b\.";
        Assert.True(TopicPermissions.TryParse("u", "v", "x", operation == "publish" ? pattern : "", operation == "bind" ? pattern : "", out var topic, out _));
        var access = new AccessRules(DefaultPermissions.None, [All("u", "v")], [topic]).Of("u", "v");
        Assert.True(access.HasTopicPermissions("x"));
        Assert.False(access.HasTopicPermissions("y"));
        var fault = operation == "publish" ? access.PublishTopic("x", key) : access.Bind("q", isExchange: false, "x", isTopic: true, key);
        Assert.Equal(allowed ? null : ErrorCode.AccessRefused, fault?.Code);
        Assert.Contains(says, fault?.Reason ?? "", StringComparison.Ordinal);
        Assert.Null(access.PublishTopic("y", key));
        Assert.Null(access.Bind("q", isExchange: false, "x", isTopic: false, key)); // only topic exchanges look at keys
    }

    [Fact]
    public void Variables_of_a_topic_permission_are_names_and_no_expressions()
    {
        Assert.True(TopicPermissions.TryParse("a.c", "v|w", "x", @"^{username}\.", "^{vhost}$", out var topic, out _));
        Assert.Equal((@"^{username}\.", "^{vhost}$"), (topic.Write.Text, topic.Read.Text));
        Assert.True(topic.Write.Matches("a.c.key"));
        Assert.False(topic.Write.Matches("abc.key"));
        Assert.True(topic.Read.Matches("v|w"));
        Assert.False(topic.Read.Matches("v"));
        Assert.False(TopicPermissions.TryParse("u", "v", "x", "(", "", out _, out var problem));
        Assert.Contains("is no regular expression", problem, StringComparison.Ordinal);
    }

    private static FrameFault? Run(UserAccess access, string operation) => operation switch
    {
        "exchange.declare" => access.DeclareExchange("x", passive: false),
        "exchange.declare passive" => access.DeclareExchange("x", passive: true),
        "exchange.declare alternate" => access.DeclareExchange("x", passive: false, "alt"),
        "exchange.declare passive alternate" => access.DeclareExchange("x", passive: true, "alt"),
        "exchange.delete" => access.DeleteExchange("x"),
        "queue.declare" => access.DeclareQueue("q", passive: false),
        "queue.declare passive" => access.DeclareQueue("q", passive: true),
        "queue.declare dead-letters" => access.DeclareQueue("q", passive: false, "dlx"),
        "queue.declare dead-letters default" => access.DeclareQueue("q", passive: false, ""),
        "queue.delete" => access.DeleteQueue("q"),
        "queue.bind" => access.Bind("q", isExchange: false, "x", isTopic: false, "k"),
        "exchange.bind" => access.Bind("y", isExchange: true, "x", isTopic: true, "k"),
        "publish" => access.Publish("x"),
        "publish default" => access.Publish(""),
        "read" => access.ReadQueue("q"),
        _ => throw new ArgumentException(operation, nameof(operation)),
    };

    private static UserAccess Access(string[] allowed)
    {
        var permissions = new Permissions("u", "v", Of('c'), Of('w'), Of('r'));
        return new AccessRules(DefaultPermissions.None, [permissions], []).Of("u", "v");

        NamePattern Of(char kind)
        {
            var names = allowed.Where(a => a[0] == kind).Select(a => a[2..].Replace(".", @"\.", StringComparison.Ordinal)).ToList();
            Assert.True(NamePattern.TryParse(names.Count == 0 ? "" : $"^({string.Join('|', names)})$", out var pattern, out var problem), problem);
            return pattern;
        }
    }

    private static Permissions All(string user, string vhost) => new(user, vhost, NamePattern.All, NamePattern.All, NamePattern.All);
}
