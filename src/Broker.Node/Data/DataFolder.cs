using System.Net;
using System.Security.Cryptography;
using System.Text.Json;

namespace Broker.Node.Data;

/// <summary>
/// The folder of everything that outlives the process, held by one process at a time. Only its owner may enter it, because it holds keys.
/// </summary>
internal sealed class DataFolder : IDisposable
{
    private const int StatelessResetKeyBytes = 32;
    private readonly FileStream _lock;

    private DataFolder(string path, FileStream heldLock)
    {
        FullPath = path;
        _lock = heldLock;
    }

    /// <summary>Its absolute path.</summary>
    public string FullPath { get; }

    private string AddressFile => Path.Combine(FullPath, "node.json");

    /// <summary>Creates the folder if it is missing and takes it for this process.</summary>
    /// <exception cref="IOException">Another node runs on the folder, or it cannot be written.</exception>
    public static DataFolder Open(string path)
    {
        var fullPath = Path.GetFullPath(path);
        PrivateFile.CreateFolder(fullPath);
        var lockFile = Path.Combine(fullPath, "node.lock");
        try
        {
            return new DataFolder(fullPath, new FileStream(lockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException) when (File.Exists(lockFile))
        {
            throw new IOException($"'{fullPath}' is in use by another node; stop it or choose another folder with --data");
        }
    }

    /// <summary>
    /// The key of stateless resets, made once. It outlives the process so that clients of a restarted node learn at once that their connection is gone
    /// (RFC 9000, section 10.3).
    /// </summary>
    /// <exception cref="InvalidDataException">The file has another length.</exception>
    public byte[] ReadOrCreateStatelessResetKey()
    {
        var path = Path.Combine(FullPath, "stateless-reset.key");
        if (!File.Exists(path))
        {
            PrivateFile.Write(path, RandomNumberGenerator.GetBytes(StatelessResetKeyBytes));
        }

        var key = File.ReadAllBytes(path);
        return key.Length == StatelessResetKeyBytes
            ? key
            : throw new InvalidDataException($"'{path}' has {key.Length} bytes instead of {StatelessResetKeyBytes}; delete it to have a new one made");
    }

    /// <summary>Leaves a note for <c>pbm</c> on this machine where the node listens.</summary>
    public void PublishAddress(IPEndPoint endPoint)
    {
        var address = endPoint.Address;
        var host = address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any) ? IPAddress.Loopback : address;
        var note = new Dictionary<string, object> { ["host"] = host.ToString(), ["port"] = endPoint.Port, ["pid"] = Environment.ProcessId };
        PrivateFile.Write(AddressFile, JsonSerializer.SerializeToUtf8Bytes(note));
    }

    /// <summary>Removes the note: nobody listens any more.</summary>
    public void WithdrawAddress() => File.Delete(AddressFile);

    /// <summary>Lets another process have the folder.</summary>
    public void Dispose() => _lock.Dispose();
}
