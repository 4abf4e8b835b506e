using System.Diagnostics;
using System.Text.Json;

namespace Broker.Pbm.Session;

/// <summary>A node of this machine, found by its data folder.</summary>
/// <param name="CertificateFolder">The folder of certificates beside or in its own.</param>
/// <param name="Note">Where it says that it listens; <c>null</c> if it says nothing.</param>
internal sealed record LocalNode(string CertificateFolder, AddressNote? Note)
{
    /// <summary>The node of a data folder. One of a cluster on one machine shares <c>certs</c> with those beside it.</summary>
    public static LocalNode Of(string data)
    {
        var own = Path.Combine(data, "certs");
        var shared = Path.Combine(data, "..", "certs");
        return new LocalNode(HasAuthority(own) || !HasAuthority(shared) ? own : Path.GetFullPath(shared), AddressNote.Read(Path.Combine(data, "node.json")));
    }

    /// <summary>What is in the first <c>data</c> folder from a folder upwards: the node by itself, or one of the cluster; rather one that runs.</summary>
    public static LocalNode? Search(string start)
    {
        for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
        {
            var data = Path.Combine(folder.FullName, "data");
            List<LocalNode> found =
            [
                .. HasAuthority(Path.Combine(data, "certs")) ? [Of(data)] : Array.Empty<LocalNode>(),
                .. OfCluster(Path.Combine(data, "cluster")),
            ];
            if (found.Count > 0)
            {
                return found.FirstOrDefault(node => node.Note is { IsRunning: true }) ?? found[0];
            }
        }

        return null;
    }

    private static IEnumerable<LocalNode> OfCluster(string folder) =>
        !HasAuthority(Path.Combine(folder, "certs")) ? []
        : Directory.EnumerateDirectories(folder).Where(data => File.Exists(Path.Combine(data, "node.json"))).Order(StringComparer.Ordinal).Select(Of)
            .DefaultIfEmpty(new LocalNode(Path.Combine(folder, "certs"), null));

    private static bool HasAuthority(string certificates) => File.Exists(Path.Combine(certificates, "ca.pem"));
}

/// <summary>Where a node of this machine says that it listens. It stays when the node is killed.</summary>
/// <param name="Host">Its address.</param>
/// <param name="Port">Its UDP port.</param>
/// <param name="Pid">Its process.</param>
internal sealed record AddressNote(string Host, int Port, int Pid)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    /// <summary>Whether there is such a process.</summary>
    public bool IsRunning
    {
        get
        {
            try
            {
                using var process = Process.GetProcessById(Pid);
                return true;
            }
            catch (ArgumentException)
            {
                return false;
            }
        }
    }

    public static AddressNote? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<AddressNote>(File.ReadAllBytes(path), s_json);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null; // no node runs on that folder, or not as this user: the defaults serve
        }
    }
}
