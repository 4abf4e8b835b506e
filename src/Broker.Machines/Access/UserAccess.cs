using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Access;

/// <summary>
/// What one user may do in one vhost, at one time. Names are those within the vhost. Which access an operation needs is as in RabbitMQ; the default exchange goes by the name
/// <see cref="DefaultExchangeName"/>.
/// </summary>
public sealed class UserAccess
{
    /// <summary>What patterns know the default exchange by.</summary>
    public const string DefaultExchangeName = "amq.default";

    private const string Exchange = "exchange";
    private const string Queue = "queue";
    private readonly Permissions? _permissions;
    private readonly Dictionary<string, TopicPermissions>? _topics;

    internal UserAccess(string user, string vhost, Permissions? permissions, Dictionary<string, TopicPermissions>? topics)
    {
        User = user;
        Vhost = vhost;
        _permissions = permissions;
        _topics = topics;
    }

    /// <summary>The user.</summary>
    public string User { get; }

    /// <summary>The vhost.</summary>
    public string Vhost { get; }

    /// <summary>Why the user may not connect to the vhost; <c>null</c> if it may.</summary>
    public FrameFault? Enter() => _permissions is null
        ? new FrameFault(ErrorCode.AccessRefused, $"user '{User}' has no permissions in vhost '{Vhost}'; an administrator gives them with 'pbm permission set'")
        : null;

    /// <summary>To declare an exchange; <paramref name="alternate"/> is where it sends what it cannot route, if anywhere.</summary>
    public FrameFault? DeclareExchange(string name, bool passive, string? alternate = null) =>
        passive ? null
        : Check(AccessKind.Configure, Exchange, name)
            ?? (alternate is null ? null : Check(AccessKind.Read, Exchange, name) ?? Check(AccessKind.Write, Exchange, alternate));

    /// <summary>To delete an exchange.</summary>
    public FrameFault? DeleteExchange(string name) => Check(AccessKind.Configure, Exchange, name);

    /// <summary>To declare a queue; <paramref name="deadLetters"/> is where it sends what dies, if anywhere.</summary>
    public FrameFault? DeclareQueue(string name, bool passive, string? deadLetters = null) =>
        passive ? null
        : Check(AccessKind.Configure, Queue, name)
            ?? (deadLetters is null ? null : Check(AccessKind.Read, Queue, name) ?? Check(AccessKind.Write, Exchange, deadLetters));

    /// <summary>To delete a queue.</summary>
    public FrameFault? DeleteQueue(string name) => Check(AccessKind.Configure, Queue, name);

    /// <summary>To consume from a queue, get from it, or purge it.</summary>
    public FrameFault? ReadQueue(string name) => Check(AccessKind.Read, Queue, name);

    /// <summary>To bind a queue or exchange to an exchange, or to unbind it.</summary>
    /// <param name="destination">The queue or exchange.</param>
    /// <param name="isExchange">It is an exchange.</param>
    /// <param name="source">The exchange.</param>
    /// <param name="isTopic">Which is a topic exchange.</param>
    /// <param name="routingKey">With this key.</param>
    public FrameFault? Bind(string destination, bool isExchange, string source, bool isTopic, string routingKey) =>
        Check(AccessKind.Write, isExchange ? Exchange : Queue, destination)
        ?? Check(AccessKind.Read, Exchange, source)
        ?? (isTopic ? CheckTopic(AccessKind.Read, source, routingKey) : null);

    /// <summary>To publish to an exchange, whatever the routing key is.</summary>
    public FrameFault? Publish(string exchange) => Check(AccessKind.Write, Exchange, exchange);

    /// <summary>Whether it depends on the routing key what may be published to a topic exchange.</summary>
    public bool HasTopicPermissions(string exchange) => _topics is not null && _topics.ContainsKey(NameOf(exchange));

    /// <summary>To publish to a topic exchange with a key.</summary>
    public FrameFault? PublishTopic(string exchange, string routingKey) => CheckTopic(AccessKind.Write, exchange, routingKey);

    private FrameFault? CheckTopic(AccessKind kind, string exchange, string routingKey)
    {
        if (_topics is null || !_topics.TryGetValue(NameOf(exchange), out var topic))
        {
            return null;
        }

        var pattern = kind == AccessKind.Write ? topic.Write : topic.Read;
        return pattern.Matches(routingKey)
            ? null
            : new FrameFault(
                ErrorCode.AccessRefused,
                $"{NameOf(kind)} access to topic '{routingKey}' in exchange '{NameOf(exchange)}' in vhost '{Vhost}' refused for user '{User}', who has it for keys that match '{pattern}'");
    }

    private FrameFault? Check(AccessKind kind, string what, string name)
    {
        if (Enter() is { } fault)
        {
            return fault; // the permissions were taken away since the connection was opened
        }

        var shown = what == Exchange ? NameOf(name) : name;
        var pattern = _permissions!.Of(kind);
        return pattern.Matches(shown)
            ? null
            : new FrameFault(
                ErrorCode.AccessRefused,
                $"{NameOf(kind)} access to {what} '{shown}' in vhost '{Vhost}' refused for user '{User}', who has it for names that match '{pattern}'");
    }

    private static string NameOf(string exchange) => exchange == TopologyNames.DefaultExchange ? DefaultExchangeName : exchange;

    private static string NameOf(AccessKind kind) => kind switch
    {
        AccessKind.Configure => "configure",
        AccessKind.Write => "write",
        _ => "read",
    };
}
