using System.Globalization;
using System.Text;
using Google.Protobuf;

namespace Broker.Coordination.Etcd;

/// <summary>Keys of the store as keys of etcd, which belong to many.</summary>
internal sealed class EtcdKeys(string keyPrefix)
{
    private readonly string _values = $"{keyPrefix}values/";
    private readonly int _valuesBytes = Encoding.UTF8.GetByteCount(keyPrefix) + "values/".Length;

    public string KeyPrefix => keyPrefix;

    /// <summary>A key in etcd.</summary>
    public ByteString Of(string key) => ByteString.CopyFromUtf8(_values + key);

    /// <summary>The first key that is behind all those with a prefix. UTF-8 has no byte 255, so the last one can be counted up.</summary>
    public ByteString EndOf(string prefix)
    {
        var bytes = Encoding.UTF8.GetBytes(_values + prefix);
        bytes[^1]++;
        return ByteString.CopyFrom(bytes);
    }

    /// <summary>The store's key for one of etcd.</summary>
    public string From(ByteString key) => Encoding.UTF8.GetString(key.Span[_valuesBytes..]);

    /// <summary>The key of a mark, see <see cref="EtcdMark"/>.</summary>
    public ByteString OfMark(long lease, int number) => ByteString.CopyFromUtf8(string.Create(CultureInfo.InvariantCulture, $"{keyPrefix}commits/{lease:x}/{number}"));

    /// <summary>A value as the store gives it.</summary>
    public MetadataValue ValueOf(Proto.KeyValue value) => new(From(value.Key), value.Value.Memory, value.ModRevision, value.CreateRevision, value.Lease);
}
