namespace Broker.Actors.Runtime;

/// <summary>The recipe for an actor: how an instance is made, at the start and at every restart, and how its mailbox runs. Immutable.</summary>
public sealed class Props
{
    private readonly Func<object, Actor> _make;
    private readonly object _argument;

    private Props(Func<object, Actor> make, object argument, string typeName, int? mailboxCapacity, int? throughput)
    {
        _make = make;
        _argument = argument;
        TypeName = typeName;
        MailboxCapacity = mailboxCapacity;
        Throughput = throughput;
    }

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
        return new Props(static make => ((Func<Actor>)make)(), (Func<Actor>)factory, typeName ?? typeof(TActor).Name, null, null);
    }

    /// <summary>The same for many actors that differ in one thing, such as their name: they share the factory.</summary>
    /// <param name="factory">Makes an instance of the argument.</param>
    /// <param name="argument">In what this one differs.</param>
    /// <param name="typeName">Default: the name of <typeparamref name="TActor"/>. Use few distinct names, each is a metric tag.</param>
    public static Props Create<TActor>(Func<object, TActor> factory, object argument, string? typeName = null)
        where TActor : Actor
    {
        ArgumentNullException.ThrowIfNull(factory);
        ArgumentNullException.ThrowIfNull(argument);
        return new Props(factory, argument, typeName ?? typeof(TActor).Name, null, null);
    }

    /// <summary>The same with another mailbox bound, at least 1 message.</summary>
    public Props WithMailbox(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        return new Props(_make, _argument, TypeName, capacity, Throughput);
    }

    /// <summary>Makes a new instance at each call; runs in the new actor's own turn, never in the caller's.</summary>
    internal Actor Make() => _make(_argument);

    /// <summary>The same with another batch size, at least 1 message.</summary>
    public Props WithThroughput(int messages)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(messages, 1);
        return new Props(_make, _argument, TypeName, MailboxCapacity, messages);
    }
}
