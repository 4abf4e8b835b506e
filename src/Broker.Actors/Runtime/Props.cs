namespace Broker.Actors.Runtime;

/// <summary>The recipe for an actor: how an instance is made, at the start and at every restart, and how its mailbox runs. Immutable.</summary>
public sealed class Props
{
    private Props(Func<Actor> factory, string typeName, int? mailboxCapacity, int? throughput)
    {
        Factory = factory;
        TypeName = typeName;
        MailboxCapacity = mailboxCapacity;
        Throughput = throughput;
    }

    /// <summary>Makes a new instance at each call; runs in the new actor's own turn, never in the caller's.</summary>
    public Func<Actor> Factory { get; }

    /// <summary>Names the kind of actor in metrics and in the hierarchy.</summary>
    public string TypeName { get; }

    /// <summary>Bound of the mailbox in messages; <c>null</c> takes the system's default.</summary>
    public int? MailboxCapacity { get; }

    /// <summary>Messages handled before the thread goes to the next actor; <c>null</c> takes the system's default.</summary>
    public int? Throughput { get; }

    /// <summary>Props from a factory, which must return a new instance each time.</summary>
    /// <param name="factory">Makes an instance.</param>
    /// <param name="typeName">Default: the name of <typeparamref name="TActor"/>. Use few distinct names, each is a metric tag.</param>
    public static Props Create<TActor>(Func<TActor> factory, string? typeName = null)
        where TActor : Actor
    {
        ArgumentNullException.ThrowIfNull(factory);
        return new Props(factory, typeName ?? typeof(TActor).Name, null, null);
    }

    /// <summary>The same with another mailbox bound, at least 1 message.</summary>
    public Props WithMailbox(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        return new Props(Factory, TypeName, capacity, Throughput);
    }

    /// <summary>The same with another batch size, at least 1 message.</summary>
    public Props WithThroughput(int messages)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(messages, 1);
        return new Props(Factory, TypeName, MailboxCapacity, messages);
    }
}
