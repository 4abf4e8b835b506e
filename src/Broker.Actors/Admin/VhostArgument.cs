using System.Text;
using Broker.Actors.Server;
using Broker.Coordination;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary>What commands have in common that are about a vhost.</summary>
internal static class VhostArgument
{
    private const int MaxNameBytes = 255;

    /// <summary>Which vhost, <c>/</c> unless it is said.</summary>
    public static readonly AdminArgument Option = new("vhost", ArgumentKind.Option, "string", "The vhost", Default: ProtocolInfo.DefaultVhost);

    /// <summary>For listings: one vhost, or all of them.</summary>
    public static readonly AdminArgument Filter = new("vhost", ArgumentKind.Option, "string", "Only this vhost; default: all", Default: "");

    /// <summary>The vhost that a command is about.</summary>
    /// <exception cref="AdminException">There is none of that name.</exception>
    public static string Of(NodeServices node, AdminArguments arguments)
    {
        var vhost = arguments.Text("vhost");
        return node.Vhosts.Check(vhost) is { } fault ? throw new AdminException(fault.Code, $"{fault.Reason}; 'pbm vhost list' shows them") : vhost;
    }

    /// <summary>Whether a listing shows a vhost.</summary>
    public static bool Shows(AdminArguments arguments, string vhost) => arguments.Text("vhost") is var only && (only.Length == 0 || only == vhost);

    /// <summary>The name of an exchange or queue that a command is about, with its vhost.</summary>
    /// <exception cref="AdminException">There is no such vhost.</exception>
    public static string EntityOf(NodeServices node, AdminArguments arguments, string argument) => EntityName.Of(Of(node, arguments), arguments.Text(argument));

    /// <summary>A name that something is to have in the metadata.</summary>
    /// <exception cref="AdminException">It is none.</exception>
    public static string NameOf(AdminArguments arguments, string argument, string what)
    {
        var name = arguments.Text(argument);
        return CheckName(name, what) is { } problem ? throw new AdminException(ErrorCode.InvalidArgument, problem) : name;
    }

    /// <summary>What is wrong with a name.</summary>
    /// <returns><c>null</c> if nothing is.</returns>
    public static string? CheckName(string name, string what) =>
        name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= MaxNameBytes && !name.Any(char.IsControl) ? null : $"a {what}'s name has 1 to {MaxNameBytes} bytes and no control characters";

    /// <summary>Does what stores something.</summary>
    /// <exception cref="AdminException">It cannot be stored now.</exception>
    public static async Task StoreAsync(Task storing)
    {
        try
        {
            await storing;
        }
        catch (MetadataUnavailableException e)
        {
            throw new AdminException(ErrorCode.Unavailable, $"it cannot be stored now: {e.Message}");
        }
    }
}
