using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Direct;

/// <summary>Names of inboxes: what messages come to that go straight to one consumer's stream, without a queue (docs/protocol.md, sections 8.5 and 8.6).</summary>
public static class DirectNames
{
    /// <summary>What a requester consumes from, and gives as reply-to. The same as RabbitMQ's.</summary>
    public const string ReplyTo = "amq.rabbitmq.reply-to";

    /// <summary>What the broker makes of it: the name of one requester's inbox begins so.</summary>
    public const string ReplyPrefix = ReplyTo + ".";

    /// <summary>The exchange whose routing keys are addresses.</summary>
    public const string AddressExchange = "amq.address";

    /// <summary>The name of an address's inbox begins so.</summary>
    public const string AddressPrefix = AddressExchange + ".";

    private const int HashDigits = 16;

    /// <summary>Makes a reply-to for one requester.</summary>
    /// <param name="nodeHash">Stands for the node that it is connected to.</param>
    /// <param name="random">At least 128 random bits as text, so that nobody guesses it.</param>
    public static string MakeReplyTo(ulong nodeHash, string random) => $"{ReplyPrefix}{nodeHash:x16}.{random}";

    /// <summary>Which node a reply-to belongs to.</summary>
    /// <param name="name">A name within its vhost.</param>
    /// <param name="nodeHash">Stands for the node.</param>
    /// <returns><c>false</c> if it is no reply-to of a broker.</returns>
    public static bool TryGetNode(string name, out ulong nodeHash)
    {
        ArgumentNullException.ThrowIfNull(name);
        nodeHash = 0;
        return name.StartsWith(ReplyPrefix, StringComparison.Ordinal)
            && name.Length > ReplyPrefix.Length + HashDigits
            && name[ReplyPrefix.Length + HashDigits] == '.'
            && ulong.TryParse(name.AsSpan(ReplyPrefix.Length, HashDigits), System.Globalization.NumberStyles.AllowHexSpecifier, null, out nodeHash);
    }

    /// <summary>Whether an entity's name is that of an inbox.</summary>
    public static bool IsInbox(string entity)
    {
        var name = EntityName.LocalOf(entity);
        return name.StartsWith(ReplyPrefix, StringComparison.Ordinal) || name.StartsWith(AddressPrefix, StringComparison.Ordinal);
    }

    /// <summary>Checks an address that a client wants to have.</summary>
    /// <returns><c>null</c>, or what is wrong with it.</returns>
    public static FrameFault? Check(string address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.Length == 0 ? new FrameFault(ErrorCode.InvalidArgument, $"an address follows '{AddressPrefix}', and there is none")
            : address.Any(char.IsControl) ? new FrameFault(ErrorCode.InvalidArgument, "an address has no control characters")
            : null;
    }
}
