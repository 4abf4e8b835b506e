using System.Globalization;

namespace Broker.Machines.Cluster;

/// <summary>A <see cref="NodeRegistration"/> as it stands in the metadata store (docs/cluster.md, "Values").</summary>
public static class NodeRegistrationCodec
{
    private sealed class Parts
    {
        public string Name { get; set; } = "";

        public long Incarnation { get; set; }

        public Guid Store { get; set; }

        public string Zone { get; set; } = "";

        public List<string> Addresses { get; } = [];

        public string Version { get; set; } = "";
    }

    /// <summary>The value of a registration.</summary>
    /// <exception cref="ArgumentException">It lacks something, or a text is too long.</exception>
    public static byte[] Write(NodeRegistration registration)
    {
        ArgumentNullException.ThrowIfNull(registration);
        if (FaultOf(registration) is { } fault)
        {
            throw new ArgumentException(fault, nameof(registration));
        }

        return ClusterValueWriter.Write(json =>
        {
            json.WriteString("name", registration.Name);
            ClusterValueWriter.WriteIncarnation(json, registration.Incarnation);
            json.WriteString("store", registration.Store);
            json.WriteString("zone", registration.Zone);
            ClusterValueWriter.WriteTexts(json, "addresses", registration.Addresses);
            json.WriteString("version", registration.Version);
        });
    }

    /// <summary>The registration of a value.</summary>
    /// <exception cref="ClusterFormatException">It is none, or one that lacks something.</exception>
    public static NodeRegistration Read(ReadOnlySpan<byte> value)
    {
        var parts = new Parts();
        ClusterValueReader.ReadValue(value, parts, ReadMember);
        var registration = new NodeRegistration(parts.Name, parts.Incarnation, parts.Store, parts.Zone, parts.Addresses, parts.Version);
        return FaultOf(registration) is { } fault ? throw new ClusterFormatException(fault) : registration;
    }

    private static bool ReadMember(ref ClusterValueReader reader, string member, Parts into)
    {
        switch (member)
        {
            case "name":
                into.Name = reader.Text();
                return true;
            case "incarnation":
                into.Incarnation = reader.Incarnation();
                return true;
            case "store":
                into.Store = reader.Guid();
                return true;
            case "zone":
                into.Zone = reader.Text();
                return true;
            case "addresses":
                reader.Texts(into.Addresses);
                return true;
            case "version":
                into.Version = reader.Text();
                return true;
            default:
                return false;
        }
    }

    private static string? FaultOf(NodeRegistration r) =>
        r.Name.Length is 0 or > NodeRegistration.MaxTextLength ? $"its name has {r.Name.Length} characters; 1 to {NodeRegistration.MaxTextLength} are possible"
        : r.Incarnation < 1 ? "it has no incarnation"
        : r.Store == Guid.Empty ? "it has no store"
        : r.Zone.Length > NodeRegistration.MaxTextLength ? $"its zone has {r.Zone.Length} characters; at most {NodeRegistration.MaxTextLength} are possible"
        : r.Version.Length is 0 or > NodeRegistration.MaxTextLength ? $"its version has {r.Version.Length} characters; 1 to {NodeRegistration.MaxTextLength} are possible"
        : r.Addresses.Count is 0 or > NodeRegistration.MaxAddresses ? $"it has {r.Addresses.Count} addresses; 1 to {NodeRegistration.MaxAddresses} are possible"
        : r.Addresses.FirstOrDefault(a => !IsAddress(a)) is { } wrong ? $"'{wrong}' is no address of the form host:port"
        : null;

    private static bool IsAddress(string address) =>
        address.Length <= NodeRegistration.MaxTextLength
        && address.LastIndexOf(':') is var colon and > 0
        && ushort.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0
        && (address[0] == '[' ? address[colon - 1] == ']' : !address.AsSpan(0, colon).Contains(':'))
        && !address.Any(char.IsWhiteSpace);
}
